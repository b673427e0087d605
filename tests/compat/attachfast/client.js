async function uploadLargeFile(file, apiKey, options = {}) {
  const chunkSize = options.chunkSize || 5 * 1024 * 1024; // 5MB
  const uniqueKey = options.key || `${file.name}_${Date.now()}`;
  const folder = options.folder;
  
  const totalChunks = Math.ceil(file.size / chunkSize);
  
  for (let chunkNumber = 1; chunkNumber <= totalChunks; chunkNumber++) {
    const start = (chunkNumber - 1) * chunkSize;
    const end = Math.min(start + chunkSize, file.size);
    const chunk = file.slice(start, end);
    
    const formData = new FormData();
    formData.append('file', chunk);
    formData.append('chunk', chunkNumber.toString());
    formData.append('total_size', file.size.toString());
    formData.append('key', uniqueKey);
    if (folder) formData.append('folder', folder);
    
    const response = await fetch('/api/large_files', {
      method: 'POST',
      headers: {
        'Authorization': `Bearer ${apiKey}`
      },
      body: formData
    });
    
    const result = await response.json();
    
    if (!response.ok) {
      throw new Error(result.errors.join(', '));
    }
    
    console.log(`Chunk ${chunkNumber}/${totalChunks} uploaded`);
    
    // Check if upload is complete
    if (result.status === 'complete') {
      console.log('Upload completed successfully!');
      return result;
    }
  }
}

async function uploadFile(file, folder = null) {
  const formData = new FormData();
  formData.append('file', file);
  if (folder) formData.append('folder', folder);

  try {
    const response = await fetch('/api/files', {
      method: 'POST',
      headers: {
        'Authorization': 'Bearer your-site-api-key'
      },
      body: formData
    });

    if (!response.ok) {
      const error = await response.json();
      throw new Error(error.errors.join(', '));
    }

    return await response.json();
  } catch (error) {
    console.error('Upload failed:', error.message);
    throw error;
  }
}

async function fetchFiles(page = 1, perPage = 10) {
  const response = await fetch(`/api/files?page=${page}&per_page=${perPage}`, {
    headers: {
      'Authorization': 'Bearer your-site-api-key'
    }
  });
  
  return await response.json();
}

async function createFolder(name, parentId = null) {
  const response = await fetch('/api/folders', {
    method: 'POST',
    headers: {
      'Authorization': 'Bearer your-site-api-key',
      'Content-Type': 'application/json'
    },
    body: JSON.stringify({
      site_folder: {
        name: name,
        parent_id: parentId
      }
    })
  });

  if (!response.ok) {
    const error = await response.json();
    throw new Error(error.errors.join(', '));
  }

  return await response.json();
}

async function getFolderTree() {
  const response = await fetch('/api/folders/tree', {
    headers: {
      'Authorization': 'Bearer your-site-api-key'
    }
  });
  
  const data = await response.json();
  return data.tree;
}
